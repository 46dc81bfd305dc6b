(* Linear self-attention with the matrices that Ahn et al. 2023 print: equation 8, any number of
   layers with any matrices, from prompt to prediction; equation 11, one layer on what its tokens
   hold. The weights are written from the builders that the claims run. *)
Require Import Prelude Matrices Layer Weights_ahn2023.

Section Equation8.
Variables (F : fieldType) (relu : F -> F) (positions n m d : nat).
Variables (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)).

(* The gradient of (1/2n) sum (w^T x_i - y_i)^2, and a step preconditioned by P. *)
Definition gradient w := n%:R^-1 *: (X^T *m (X *m w - y)).
Definition step (P : 'M[F]_d) w := w - P *m gradient w.

Definition residuals (all : tokens F d positions n m) w :=
  [/\ context all Vector "x" = X, context all Scalar "y" = y - X *m w,
      queries all Vector "x" = Q & queries all Scalar "y" = - (Q *m w)].

Lemma residuals_layer A all w :
  residuals all w -> residuals (run relu n (ahn2023_eq8_layers A) all) (step A^T w).
Proof.
case: all => c q [] /= cx cy qx qy.
by rewrite /residuals /step /gradient; split; execute; rewrite ?cx ?cy ?qx ?qy //;
  linear_combination; ring.
Qed.

(* Layers with the matrices A_0, A_1, ..., between the embedding and the read-out of one layer. *)
Definition network (As : seq 'M[F]_d) : witness F d :=
  let one := ahn2023_eq8 (0 : 'M[F]_d) in
  Witness Joint false (embedding one) (flatten [seq ahn2023_eq8_layers A | A <- As])
    (readout one) (readout_coefficient one).

Definition descended (turn : 'M[F]_d -> 'M[F]_d) := foldl (fun w A => step (turn A) w) 0.

(* Lemma 1 with A_l^T for A_l: any number of layers are as many preconditioned gradient steps.
   [repairs ahn2023.lemma1] *)
Theorem lemma1 As : predict relu positions (network As) X y Q = Q *m descended trmx As.
Proof.
have start : residuals (embed positions (network As) X y Q) 0.
  by rewrite /residuals /network !mulmx0 subr0 oppr0; split; execute.
have many Bs all w : residuals all w ->
    residuals (run relu n (flatten [seq ahn2023_eq8_layers B | B <- Bs]) all)
      (foldl (fun w B => step B^T w) w Bs).
  elim: Bs all w => [|B Bs IH] all w held //.
  rewrite -[flatten _]/(cat (ahn2023_eq8_layers B) (flatten [seq ahn2023_eq8_layers C | C <- Bs])).
  by rewrite run_cat; apply: IH; apply: residuals_layer.
have [_ _ _ reads] := many As _ _ start.
by rewrite /predict /= reads scaleN1r opprK.
Qed.

(* Lemma 1 for symmetric matrices, as the theorems of the paper use it.
   [supports ahn2023.lemma1.symmetric] *)
Theorem lemma1_symmetric As :
  {in As, forall A, A^T = A} -> predict relu positions (network As) X y Q = Q *m descended id As.
Proof.
move=> symmetric; rewrite lemma1; congr (_ *m _); rewrite /descended.
elim: As 0 symmetric => [|A As IH] w symmetric //=.
by rewrite symmetric ?mem_head // IH // => B B_in; apply: symmetric; rewrite inE B_in orbT.
Qed.
End Equation8.

(* One layer, d = 2, one example: A_0 comes out transposed. [refutes ahn2023.lemma1] *)
Theorem lemma1_refuted (F : fieldType) (relu : F -> F) positions :
  exists (A : 'M[F]_2) (X : 'M[F]_(1, 2)) (y : 'cV[F]_1) (Q : 'M[F]_(1, 2)),
    predict relu positions (network [:: A]) X y Q != Q *m descended X y id [:: A].
Proof.
exists (delta_mx 1 0), (delta_mx 0 1), (const_mx 1), (delta_mx 0 0).
have one : const_mx 1 = 1%:M :> 'M[F]_1 by apply/matrixP => i j; rewrite !mxE !ord1.
rewrite lemma1 /descended /= /step /gradient !mulmx0 !sub0r !mulmxN !scalerN !mulmxN !opprK.
rewrite invr1 !scale1r one !mulmx1 trmx_delta trmx_delta !mulmxA !mul_delta_mx.
rewrite mul_delta_mx_0 // mul0mx; apply/eqP => /matrixP /(_ 0 0) /eqP.
by rewrite !mxE /= oner_eq0.
Qed.

Section Equation11.
Variables (F : fieldType) (relu : F -> F) (positions n m d : nat).

(* One layer on what the tokens hold, x moved by (1/n) B X^T X A x and y by (1/n) Y^T X A x.
   [supports ahn2023.eq11] *)
Theorem equation11 (A B : 'M[F]_d) (X : 'M[F]_(n, d)) (Y : 'cV[F]_n) (P : 'M[F]_(m, d)) q
    (all : tokens F d positions n m) :
  [/\ context all Vector "x" = X, context all Scalar "y" = Y, queries all Vector "x" = P
     & queries all Scalar "y" = q] ->
  let after := run relu n (ahn2023_eq11_layers A B) all in
  let moved := n%:R^-1 *: (A^T *m X^T *m X *m B^T) in
  let gained := n%:R^-1 *: (A^T *m X^T *m Y) in
  [/\ context after Vector "x" = X + X *m moved, context after Scalar "y" = Y + X *m gained,
      queries after Vector "x" = P + P *m moved & queries after Scalar "y" = q + P *m gained].
Proof.
case: all => c h [] /= cx cy qx qy.
by split; execute; rewrite ?cx ?cy ?qx ?qy //; linear_combination; ring.
Qed.
End Equation11.
